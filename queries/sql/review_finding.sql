-- What was found of one record: of the annotation, or of its image as a whole.
select
    f.finding_key, f.check_id, f.severity, c.title, f.annotation_id, f.joint, f.score, f.detail, f.evidence
from finding f
left join check_run c using (dataset_id, check_id)
where f.image_id = $image and f.suppressed is null
    and (f.annotation_id is not distinct from $annotation or f.annotation_id is null)
order by
    case f.severity when 'error' then 0 when 'warning' then 1 else 2 end, f.score desc, f.check_id, f.joint
limit 50
