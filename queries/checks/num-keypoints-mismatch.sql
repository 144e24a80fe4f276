-- title: num_keypoints is not the number of labelled joints
-- category: keypoints
-- severity: error
-- why: COCO's evaluation leaves out annotations whose num_keypoints is 0, and loaders filter by it: a wrong
--   number drops people who are labelled, or keeps those who are not.
-- fix: Count again: num_keypoints is how many joints have a visibility above 0.
-- of: annotations
-- needs: skeletons num_keypoints
-- uses: instance
--
with
told as (
    select
        image_id, annotation_id, skeleton, coalesce(labelled, 0) as labelled,
        try_cast(attributes ->> 'num_keypoints' as double) as told
    from instance
    -- the reader keeps the number only where it is not what the flags say; a list that it could not use
    -- has been reported as such
    where json_exists(attributes, '$.num_keypoints') and not json_exists(attributes, '$.keypoints')
),
-- CrowdPose and Halpe, as the pose toolboxes distribute them, count those joints alone that COCO has too; of
-- a hand or a face, which has none of them, 0 would be said of everybody
named as (
    select skeleton, joint
    from joint
    where canonical in (
        'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
        'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
        'right_knee', 'left_ankle', 'right_ankle'
    )
),
body as (
    select skeleton from named group by skeleton having count(*) >= 12
),
shared as (
    select t.annotation_id, count(*) as labelled
    from told t
    join keypoint k using (annotation_id)
    join named j on j.skeleton = t.skeleton and j.joint = k.joint
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0
    group by t.annotation_id
)
select
    image_id,
    annotation_id,
    1 as score,
    format('num_keypoints is {:.6g}, but ', told)
        || case counted
            when 0 then 'no joint is' when 1 then '1 joint is' else counted || ' joints are'
        end
        || ' labelled' || case when longer then ' of the 17 of COCO, which it counts' else '' end as detail,
    json_object('num_keypoints', told, 'labelled', counted) as evidence
from (
    select
        t.*,
        case when b.skeleton is not null then coalesce(s.labelled, 0) end as in_coco,
        -- where further lists follow COCO's, the reader has compared those 17 alone
        b.skeleton is not null and regexp_matches(t.skeleton, '^(coco-wholebody|human-art)') as longer,
        case when longer then coalesce(s.labelled, 0) else t.labelled end as counted
    from told t
    left join shared s using (annotation_id)
    left join body b on b.skeleton = t.skeleton
)
where told is distinct from labelled and (in_coco is null or told is distinct from in_coco)
