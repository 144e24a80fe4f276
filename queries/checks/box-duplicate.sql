-- title: Two boxes of one class lie on one another
-- category: boxes
-- severity: warning
-- why: The object counts twice in training and in scores: of two boxes on one object a detector can match
--   one, the other is a miss whatever it does.
-- fix: Keep the better one of the two.
-- of: boxes
-- needs: boxes
-- uses: instance
-- param iou = 0.9: the intersection over union above which two boxes are one
--
with
box as (
    select annotation_id, image_id, ordinal, source_id, label, x, y, w, h
    from instance
    where boxed and not crowd
),
pair as (
    select
        b.image_id, b.annotation_id, b.label, b.ordinal,
        a.annotation_id as other, a.ordinal as other_ordinal, a.source_id as other_id,
        greatest(least(a.x + a.w, b.x + b.w) - greatest(a.x, b.x), 0)
            * greatest(least(a.y + a.h, b.y + b.h) - greatest(a.y, b.y), 0) as shared,
        a.w * a.h + b.w * b.h as areas
    from box a
    join box b
        on b.image_id = a.image_id and b.annotation_id > a.annotation_id
        and b.label is not distinct from a.label
),
-- of three boxes on one object two are too many: each is told once, with the first that it lies on
nearest as (
    select *, shared / (areas - shared) as iou
    from pair
    where shared / (areas - shared) > $iou
    qualify row_number() over (partition by annotation_id order by shared / (areas - shared) desc, other) = 1
)
select
    image_id,
    annotation_id,
    least(iou, 1) as score,
    format('IoU {:.3f} with ', iou)
        || coalesce('annotation ' || other_id, 'box ' || other_ordinal || ' (the first is 0)')
        || ' of the same image, ' || coalesce('both ' || label, 'both of no class')
        -- places begin anew with each file that describes the image
        || case
            when ordinal = other_ordinal then '; two files have the image, each with its boxes' else ''
        end
        as detail,
    json_object('iou', iou, 'other', other_ordinal, 'other_id', other_id) as evidence
from nearest
