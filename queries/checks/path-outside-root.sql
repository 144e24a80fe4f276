-- title: A path leads out of the dataset's folder
-- category: records
-- severity: error
-- why: What it points to is not part of the dataset, and is not read: on another machine the path names
--   something else or nothing, and a dataset from elsewhere must not reach into this disk.
-- fix: Move the files below the dataset's folder and write the path relative to it.
-- of: records
-- uses: located_problem
--
with
-- names of image files that a record gives; how a folder in a header leads out is known to its reader
named as (
    select image_id, file_name, string_split(replace(file_name, '\', '/'), '/') as parts
    from image
    where dataset_id = $dataset
        and (file_name like '/%' or file_name like '\%' or file_name like '%..%'
            or regexp_matches(file_name, '^[A-Za-z]:[/\\]'))
),
outside as (
    select
        image_id,
        file_name,
        case
            when regexp_matches(file_name, '^([A-Za-z]:)?[/\\]') then 'it is absolute'
            -- how deep each part of the path is below the folder it starts from
            when list_min(list_transform(range(1, len(parts) + 1), lambda n: list_sum(
                list_transform(parts[1:n], lambda part: case when part = '..' then -1
                    when part in ('', '.') then 0 else 1 end)
            ))) < 0 then 'it goes up out of the folder that it starts from'
        end as how
    from named
)
select image_id, annotation_id, joint, about, detail, evidence
from located_problem
where kind = 'path-outside-root'
union all
select
    image_id,
    null,
    null,
    'file_name',
    'file_name is ' || left(file_name, 200) || ': ' || how || ', and is not read',
    json_object('file_name', left(file_name, 200))
from outside
where how is not null and image_id not in (
    select image_id from located_problem where kind = 'path-outside-root' and image_id is not null
)
