-- How is one measure of the boxes distributed in two datasets, in one unit and common bins?
with
boxes as (
    select 1 as side, a.dataset_id, a.image_id, a.x, a.y, a.w, a.h from selected_box($f) a
    union all
    select 2, a.dataset_id, a.image_id, a.x, a.y, a.w, a.h from selected_box($g) a
),
scaled as (
    -- As annotation_px and annotation_norm have it, for the selected ones alone.
    select
        b.side, b.x, b.y, b.w, b.h,
        case when d.unit = $unit then 1.0 when $unit = 'pixel' then s.width else 1 / nullif(s.width, 0) end
            as across,
        case when d.unit = $unit then 1.0 when $unit = 'pixel' then s.height else 1 / nullif(s.height, 0) end
            as down
    from boxes b
    join dataset d using (dataset_id)
    left join image_size s on d.unit <> $unit and s.image_id = b.image_id
),
measured as (
    select side, box_measure($measure, x * across, y * down, w * across, h * down) as value
    from scaled
    where w > 0 and h > 0
),
usable as (
    select side, value, case when $log then ln(value) else value end as place
    from measured
    where isfinite(value) and (not $log or value > 0)
),
sides as (
    -- Each dataset but for its outermost half per cent at either end; the outermost bins are open.
    select
        side,
        count(*) as total,
        quantile_cont(place, 0.005) as low,
        quantile_cont(place, 0.995) as high
    from usable
    group by side
),
spread as (
    select min(low) as low, max(high) as high, greatest((max(high) - min(low)) / $bins, 1e-9) as raw
    from sides
),
steps as (
    select
        low,
        high,
        case when $log then raw else 10 ** floor(log10(raw)) * case
            when raw <= 1 * 10 ** floor(log10(raw)) then 1
            when raw <= 2 * 10 ** floor(log10(raw)) then 2
            when raw <= 5 * 10 ** floor(log10(raw)) then 5
            else 10
        end end as step
    from spread
),
binned as (
    select
        u.side,
        greatest(
            least(floor(u.place / s.step), floor(s.high / s.step)),
            floor(s.low / s.step)
        )::bigint as bin,
        count(*) as boxes
    from usable u, steps s
    group by all
)
select
    b.side,
    b.bin,
    case when $log then exp(b.bin * s.step) else b.bin * s.step end as low,
    case when $log then exp((b.bin + 1) * s.step) else (b.bin + 1) * s.step end as high,
    b.bin = floor(s.low / s.step) as first,
    b.bin = floor(s.high / s.step) as last,
    b.boxes,
    t.total,
    b.boxes / t.total as share
from binned b
cross join steps s
join sides t using (side)
order by b.side, b.bin
