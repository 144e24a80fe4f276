-- title: The box runs out of the image
-- category: boxes
-- severity: warning
-- why: Part of the box holds no pixels: crops of it fail or are padded, augmentations that expect boxes
--   inside the image stop, and a box far outside belongs to another image or to another size of this one.
-- fix: Clip the box to the image; where most of it is outside, look whether image and annotation belong
--   together.
-- of: boxes
-- needs: boxes
-- uses: instance
-- judged: select count(*) filter (where frame_w is not null and frame_h is not null or x < 0 or y < 0),
--   count(*) from instance where boxed
-- unjudged: their images' sizes are not known, which kpaudit measure reads off the images; without them only
--   what is out on the left or above is found
-- param tolerance = 0.002: how far a box may run out, as a share of the image's side
-- param tolerance_px = 1.5: the same in pixels, where the image's size is known; the larger of both
--   counts
--
select
    image_id,
    annotation_id,
    greatest(least(greatest(over_x / w, over_y / h), 1), 0.01) as score,
    'the box runs out of the image ' || list_aggregate(
        list_filter(
            [
                case when -x > slack_x then format('by {:.3g} of its width on the left', -x / w) end,
                case when x + w - frame_w > slack_x
                    then format('by {:.3g} of its width on the right', (x + w - frame_w) / w) end,
                case when -y > slack_y then format('by {:.3g} of its height at the top', -y / h) end,
                case when y + h - frame_h > slack_y
                    then format('by {:.3g} of its height at the bottom', (y + h - frame_h) / h) end
            ],
            lambda told: told is not null
        ),
        'string_agg', ', '
    ) || case
        when in_pixels then format(', at most {:.1f} pixels', greatest(over_x * fx, over_y * fy))
        else format(', at most {:.3g} of the image', greatest(over_x, over_y))
    end as detail,
    json_object('x', x, 'y', y, 'w', w, 'h', h, 'image_width', frame_w, 'image_height', frame_h) as evidence
from (
    select
        *,
        greatest(-x, x + w - frame_w, 0) as over_x,
        greatest(-y, y + h - frame_h, 0) as over_y,
        -- a pixel of rounding is no defect, and of small images a share is less than that
        greatest($tolerance * frame_w, case when in_pixels then $tolerance_px / fx else 0 end) as slack_x,
        greatest($tolerance * frame_h, case when in_pixels then $tolerance_px / fy else 0 end) as slack_y
    from instance
    -- greatest leaves NULL out: of an image without a size the left and the upper edge are known
    where boxed
)
where over_x > slack_x or over_y > slack_y
