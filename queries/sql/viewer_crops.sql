-- The annotations asked for, in the order they are to be walked through, each with its image.
select annotation_id, image_id
from narrowed_annotation($f, $n)
order by order_rank($order, w, h, labelled) nulls last, image_id, ordinal, annotation_id
