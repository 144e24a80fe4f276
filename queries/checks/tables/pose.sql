-- One row per annotation that has keypoints, from one pass over them: how many are labelled, the extent of
-- those in the dataset's unit, and how many are of a kind that a check looks for. Labelled here is: with a
-- finite place, and a flag that is above 0 or not recorded. `cells` counts, up to chance coincidences, the
-- squares of 4 % of the box's larger side that hold labelled joints; without a box, the places themselves.
-- uses: instance
create or replace table pose as
select
    annotation_id,
    count(*) as joints,
    count_if(here) as points,
    min(x) filter (here) as x0,
    max(x) filter (here) as x1,
    min(y) filter (here) as y0,
    max(y) filter (here) as y1,
    count_if(visibility = 0 and (coalesce(x, 0) <> 0 or coalesce(y, 0) <> 0)) as ghosts,
    count_if(visibility = 0) as unlabelled,
    count_if(x = 0 and y = 0 and here) as at_origin,
    count_if(visibility not in (0, 1, 2)) as strange_flags,
    count_if(coalesce(visibility, 1) > 0 and not coalesce(isfinite(x) and isfinite(y), false)) as placeless,
    count_if(visibility > 0) as flagged,
    -- a set of up to 126 members in one integer: a distinct count of as many groups takes gigabytes
    bit_count(bit_or(1::hugeint << (hash(cell_x, cell_y) % 126)::integer) filter (here)) as cells
from (
    select
        k.*,
        coalesce(k.visibility, 1) > 0 and coalesce(isfinite(k.x) and isfinite(k.y), false) as here,
        if(i.boxed, floor(k.x * i.fx / (0.04 * greatest(i.w * i.fx, i.h * i.fy))), k.x) as cell_x,
        if(i.boxed, floor(k.y * i.fy / (0.04 * greatest(i.w * i.fx, i.h * i.fy))), k.y) as cell_y
    from keypoint k
    left join instance i using (annotation_id)
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
)
group by annotation_id
