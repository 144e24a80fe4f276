-- uses: located_problem instance pose
-- Visibility flags that are none, as findings: those that could not be stored, as reported while reading, and
-- whole numbers other than 0, 1 and 2.
create or replace table strange_flag as
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'visibility-invalid'
union all by name
select
    i.image_id,
    k.annotation_id,
    k.joint,
    coalesce(j.name, 'joint ' || k.joint) || ' has the flag ' || k.visibility || ', expected 0, 1 or 2'
        as detail,
    json_object('visibility', k.visibility, 'x', k.x, 'y', k.y) as evidence
from keypoint k
join instance i using (annotation_id)
left join joint j on j.skeleton = i.skeleton and j.joint = k.joint
-- the few annotations with such a flag are known, and all keypoints need not be read again
where k.annotation_id in (select annotation_id from pose where strange_flags > 0)
    and k.annotation_id between $dataset::bigint * 1000000000 and ($dataset::bigint + 1) * 1000000000
    and k.visibility not in (0, 1, 2)
