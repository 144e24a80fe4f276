-- The findings of one check that are selected, the worst first, a page of them.
select
    s.finding_key, s.check_id, s.severity, s.image_id, s.annotation_id, s.joint, s.score, s.detail,
    s.evidence, s.about, s.suppressed, s.key, s.split, s.subject, s.label, s.ordinal, s.kind, s.source_id,
    (
        select count(*) from annotation o where o.image_id = s.image_id and o.annotation_id < s.annotation_id
    ) as place,
    j.name as joint_name,
    count(*) over () as total
from selected_finding($f) s
left join (select skeleton, joint, min(name) as name from joint group by all) j
    on j.skeleton = s.skeleton and j.joint = s.joint
where s.check_id = $check and (s.suppressed is not null) = $suppressed
order by s.score desc, s.image_id, s.annotation_id, s.joint, s.about, s.finding_key
limit $limit offset $first
