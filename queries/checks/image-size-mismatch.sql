-- title: The image's size is not the one that the annotation file gives
-- category: images
-- severity: error
-- why: Boxes and keypoints in pixels then lie elsewhere in the picture, and shares of width and height are
--   wrong.
-- fix: Where width and height are exchanged, see whether the file's EXIF turn was applied when it was
--   annotated, and turn the file or correct the size; where the file is a smaller copy, get the original or
--   scale the coordinates.
-- of: images
-- counted: decoded
-- needs: hashed
--
with
both_sizes as (
    select
        i.image_id, i.width as said_w, i.height as said_h, f.width, f.height,
        i.width = f.height and i.height = f.width as exchanged,
        -- the same shape to within a pixel: a copy in another size
        abs(f.width * i.height / nullif(i.width, 0)::double - f.height) <= 1
            and f.width not between i.width - 2 and i.width + 2 as scaled
    from image i
    join image_fact f using (image_id)
    where i.dataset_id = $dataset and f.width is not null and f.height is not null
        and (i.width is not null or i.height is not null)
)
select
    image_id,
    'the annotation file says ' || coalesce(said_w::varchar, '?') || ' by ' || coalesce(said_h::varchar, '?')
        || ', the file has ' || width || ' by ' || height || ' pixels'
        || case
            when exchanged then ': exchanged, as by an EXIF turn that only one of them has applied'
            when scaled then format(': a copy at {:.3g} times the size', width / said_w)
            else ''
        end as detail,
    json_object(
        'width', said_w, 'height', said_h, 'file_width', width, 'file_height', height, 'exchanged', exchanged,
        'scaled', scaled
    ) as evidence
from both_sizes
where (said_w, said_h) is distinct from (width, height)
