-- How many images, annotations, keypoints, subjects and classes does each split hold?
with
images as (
    select split, count(*) as images, count(distinct subject) as subjects
    from selected_image($f)
    group by split
),
annotations as (
    select
        split,
        sum(annotations)::bigint as annotations,
        sum(with_keypoints)::bigint as with_keypoints,
        sum(keypoints)::bigint as keypoints,
        count(label) as classes
    from (
        -- a row a class: a distinct count of a million names takes longer
        select
            split,
            label,
            count(*) as annotations,
            count(*) filter (labelled > 0) as with_keypoints,
            coalesce(sum(labelled), 0) as keypoints
        from selected_annotation($f)
        group by split, label
    )
    group by split
),
united as (
    select split, count(*) as united
    from selected_united($f)
    group by split
)
select
    i.split,
    i.images,
    coalesce(a.annotations, 0) as annotations,
    coalesce(a.with_keypoints, 0) as with_keypoints,
    coalesce(a.keypoints, 0) as keypoints,
    i.subjects,
    coalesce(a.classes, 0) as classes,
    coalesce(u.united, 0) as united
from images i
left join annotations a using (split)
left join united u using (split)
order by i.images desc, i.split
