-- How many images, annotations, keypoints, subjects and classes are selected in all?
with
images as (
    select count(*) as images, count(distinct subject) as subjects
    from selected_image($f)
),
annotations as (
    select
        coalesce(sum(annotations), 0)::bigint as annotations,
        coalesce(sum(keypoints), 0)::bigint as keypoints,
        count(label) as classes
    from (
        select label, count(*) as annotations, sum(labelled) as keypoints
        from selected_box($f)
        group by label
    )
)
select i.images, a.annotations, a.keypoints, i.subjects, a.classes
from images i, annotations a
