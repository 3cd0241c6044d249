-- Every schedule in force goes on under a new clock epoch, from now.
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until, clock_epoch)
select s.job, s.schedule_key, s.rule, s.generation, :now, :now, :clock_epoch
from schedule s where s.active_until is not null and s.ended_because = 'clock_rewound'
                  and s.clock_epoch = :clock_epoch - 1
