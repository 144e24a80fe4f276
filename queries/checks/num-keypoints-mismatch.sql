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
-- CrowdPose and Halpe, as the pose toolboxes distribute them, count those joints alone that COCO has too
shared as (
    select t.annotation_id, count(*) as labelled
    from told t
    join keypoint k using (annotation_id)
    join joint j on j.skeleton = t.skeleton and j.joint = k.joint
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0
        and j.canonical in (
            'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
            'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip', 'left_knee',
            'right_knee', 'left_ankle', 'right_ankle'
        )
    group by t.annotation_id
)
select
    image_id,
    annotation_id,
    1 as score,
    format('num_keypoints is {:.6g}, but ', told)
        || case t.labelled
            when 0 then 'no joint is' when 1 then '1 joint is' else t.labelled || ' joints are'
        end
        || ' labelled' as detail,
    json_object('num_keypoints', told, 'labelled', t.labelled) as evidence
from told t
left join shared s using (annotation_id)
where told is distinct from t.labelled and told is distinct from coalesce(s.labelled, 0)
