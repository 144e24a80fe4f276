-- title: The box is too small to hold anything
-- category: boxes
-- severity: warning
-- why: A box of a pixel or two is a stray click or a slip of a conversion: nothing can be learned from
--   it, and it counts as an object that a detector misses.
-- fix: Draw the box again, or drop the annotation; mark people too far away to be seen as a crowd.
-- of: boxes
-- needs: boxes
-- uses: instance
-- param share = 0.00002: the least share of the image's area, where the image's size is not known
-- param side = 0.001: the least side, as a share of the image's, where the image's size is not known
-- param pixels = 3: the least side in pixels, where the image's size is known
--
select
    image_id,
    annotation_id,
    -- DuckDB's least leaves NULL out: a share is known only where the image's size is
    1 - least(w / least_w, h / least_h, share / $share, 1) * 0.99 as score,
    'the box is ' || case
        when in_pixels then format('{:.3g} by {:.3g} pixels', w * fx, h * fy)
        else format('{:.3g} by {:.3g} of the image', w, h)
    end || coalesce(format(', {:.2g} of the image''s area', share), '') as detail,
    json_object('x', x, 'y', y, 'w', w, 'h', h, 'share', share) as evidence
from (
    select
        *,
        w * h / (frame_w * frame_h) as share,
        case when in_pixels then $pixels / fx else $side end as least_w,
        case when in_pixels then $pixels / fy else $side end as least_h
    from instance
    where boxed and not crowd
)
where w < least_w or h < least_h or (not in_pixels and share < $share)
