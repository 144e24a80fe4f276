-- How is one measure of the boxes distributed, by split? Bins of one width, or of one ratio ($log).
with
measured as (
    select
        split,
        box_measure($measure, x, y, w, h) as value
    from selected_annotation($f)
),
usable as (
    select split, value, case when $log then ln(value) else value end as place
    from measured
    where isfinite(value) and (not $log or value > 0)
),
spread as (
    -- The ends are where the data's are, but for the outermost half per cent at each end: one absurd box
    -- must not press all others into one bin. What lies beyond is in the first and last bin, which are open.
    select
        quantile_cont(place, 0.005) as low,
        quantile_cont(place, 0.995) as high
    from usable
),
steps as (
    select
        raw,
        case when $log then raw else 10 ** floor(log10(raw)) * case
            when raw <= 1 * 10 ** floor(log10(raw)) then 1
            when raw <= 2 * 10 ** floor(log10(raw)) then 2
            when raw <= 5 * 10 ** floor(log10(raw)) then 5
            else 10
        end end as step,
        low,
        high
    from (select greatest((high - low) / $bins, 1e-9) as raw, low, high from spread)
),
binned as (
    select
        u.split,
        greatest(
            least(floor(u.place / s.step), floor(s.high / s.step)),
            floor(s.low / s.step)
        )::bigint as bin,
        count(*) as boxes
    from usable u, steps s
    group by all
)
select
    b.split,
    b.bin,
    case when $log then exp(b.bin * s.step) else b.bin * s.step end as low,
    case when $log then exp((b.bin + 1) * s.step) else (b.bin + 1) * s.step end as high,
    b.bin = floor(s.low / s.step) as first,
    b.bin = floor(s.high / s.step) as last,
    b.boxes
from binned b, steps s
order by b.split, b.bin
