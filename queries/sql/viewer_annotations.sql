-- The annotations of an image as the index holds them, in the order of its file.
select
    annotation_id, ordinal, source_id, kind, label, x, y, w, h, area, crowd, skeleton, labelled, visible,
    handedness, attributes
from annotation
where image_id = $image
order by ordinal, annotation_id
