"""Orders, each night."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    dag_id="orders_nightly",
    schedule="30 2 * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,
) as dag:
    extract = BashOperator(task_id="extract", bash_command="python /opt/etl/extract.py --all")
    load = BashOperator(task_id="load", bash_command="python /opt/etl/load.py")
    extract >> load
