import airflow
from airflow.decorators import dag, task
import pendulum


@dag(schedule="@daily", start_date=pendulum.datetime(2024, 1, 1, tz="UTC"))
def sums():
    @task
    def add() -> int:
        return 1 + 1

    add()


sums()
