-- title: No hand shows the gesture that the image is filed under
-- category: labels
-- severity: warning
-- why: HaGRID keeps one file a gesture, and loaders take an image's class from its file: such an image is
--   trained as one gesture by some and as another by others.
-- fix: Look at the image: correct its labels, or move its record to the file of the gesture that it shows.
-- of: images
-- needs: hagrid labels
-- uses: class_file
-- judged: select count(f.file_id), count(*) from image i left join class_file f using (file_id)
--   where i.dataset_id = $dataset
--   and i.image_id in (select image_id from annotation where dataset_id = $dataset)
-- unjudged: their file is named after no class
--
with
apart as materialized (
    select i.image_id, f.class, f.path
    from image i
    join class_file f using (file_id)
    -- a two-handed gesture may be on the box around both hands alone
    anti join (from annotation where dataset_id = $dataset) a
        on a.image_id = i.image_id and a.label = f.class
    where i.dataset_id = $dataset
),
shown as (
    select
        image_id,
        list(distinct label order by label) filter (kind = 'instance' and label is not null) as labels
    from annotation
    where dataset_id = $dataset and image_id in (select image_id from apart)
    group by image_id
)
select
    f.image_id,
    1 as score,
    case when s.labels is null then 'no hand has a label'
        when len(s.labels) = 1 then 'its only label is ' || s.labels[1]
        else 'its labels are ' || array_to_string(s.labels, ' and ') end
        || ', and it is filed under ' || f.class as detail,
    json_object('labels', s.labels, 'class', f.class, 'file', f.path) as evidence
from apart f
-- an image without any hand is image-without-annotation's business
join shown s using (image_id)
