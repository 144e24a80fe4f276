-- When was each dataset audited, and how many findings count?
select
    d.dataset_id, r.audited_at, r.seconds,
    (select count(*) from check_run c where c.dataset_id = d.dataset_id and c.status = 'done') as checks
from dataset d
left join audit_run r using (dataset_id)
where d.dataset_id = $dataset
