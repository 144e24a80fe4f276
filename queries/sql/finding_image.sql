-- What was found of one image and its annotations?
select
    f.finding_key, f.check_id, f.severity, c.title, f.annotation_id, f.joint, f.score, f.detail, f.evidence,
    f.suppressed,
    (
        select count(*) from annotation o where o.image_id = f.image_id and o.annotation_id < f.annotation_id
    ) as place
from finding f
left join check_run c using (dataset_id, check_id)
where f.image_id = $image
order by
    case f.severity when 'error' then 0 when 'warning' then 1 else 2 end, f.score desc, f.check_id, f.joint
limit 200
