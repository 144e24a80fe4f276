-- What does each dataset of the workspace hold, side by side?
with
images as (
    select
        dataset_id,
        count(*) as images,
        count(distinct subject) as subjects,
        count(distinct split) as splits
    from image
    group by dataset_id
),
annotations as (
    select
        dataset_id,
        count(*) as annotations,
        coalesce(sum(labelled), 0)::bigint as keypoints,
        count(distinct label) as classes
    from annotation
    where kind = 'instance'
    group by dataset_id
),
problems as (
    select dataset_id, count(*) as problems
    from problem
    group by dataset_id
)
select
    d.name,
    d.format,
    d.unit,
    d.visibility_recorded,
    coalesce(i.images, 0) as images,
    coalesce(a.annotations, 0) as annotations,
    coalesce(a.keypoints, 0) as keypoints,
    coalesce(i.subjects, 0) as subjects,
    coalesce(a.classes, 0) as classes,
    coalesce(i.splits, 0) as splits,
    coalesce(p.problems, 0) as problems,
    d.indexed_at
from dataset d
left join images i using (dataset_id)
left join annotations a using (dataset_id)
left join problems p using (dataset_id)
order by d.dataset_id
