-- What can a dataset be recognised by: its classes, a few of its names, and which fields its records have?
with
images as (
    select
        count(*) as images,
        coalesce(bool_or(age is not null or gender is not null or race is not null), false) as meta,
        coalesce(bool_or(json_exists(attributes, '$.leading_hand')), false) as leading_hand,
        list(distinct split order by split) as splits
    from image
    where dataset_id = $dataset
),
annotations as (
    select
        coalesce(bool_or(labelled > 0), false) as keypoints,
        coalesce(bool_or(kind = 'united'), false) as united,
        list(distinct label order by label) filter (label is not null) as classes,
        list(distinct skeleton order by skeleton) filter (skeleton is not null) as skeletons
    from annotation
    where dataset_id = $dataset
),
-- the first and the last names: a dataset's own way of naming its files holds for all of them
names as (
    select list(file_name) as file_names
    from (
        (select file_name from image where dataset_id = $dataset and file_name is not null
        order by image_id limit $limit)
        union all
        (select file_name from image where dataset_id = $dataset and file_name is not null
        order by image_id desc limit $limit)
    )
),
-- one label file an image tells no more than its image
sources as (
    select list(path) as paths
    from (
        select path from source_file
        where dataset_id = $dataset and status <> 'skipped' and path not like '%.txt'
        order by file_id limit $limit
    )
)
select * from images, annotations, names, sources
