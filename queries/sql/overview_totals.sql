-- How many images, annotations, keypoints, subjects and classes are selected in all?
with
images as (
    select count(*) as images, count(distinct subject) as subjects
    from selected_image($f)
),
annotations as (
    select
        count(*) as annotations,
        coalesce(sum(labelled), 0)::bigint as keypoints,
        count(distinct label) as classes
    from selected_annotation($f)
)
select i.images, a.annotations, a.keypoints, i.subjects, a.classes
from images i, annotations a
