-- Jobs with more runs than are kept.
select job from run group by job having count(*) > :keep
