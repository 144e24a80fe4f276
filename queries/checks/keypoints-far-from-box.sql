-- title: Most of an annotation's joints are outside its box
-- category: keypoints
-- severity: error
-- why: The joints are probably somebody else's, or another image's: a network that is shown this crop learns
--   a pose that is not in it.
-- fix: Give the joints to the annotation that they fit (the evidence names it where there is one), or draw
--   the box around them.
-- of: poses
-- needs: keypoints boxes
-- uses: instance pose stray
-- judged: select count(*) filter (where boxed and points > at_origin), count(*)
--   from pose join instance using (annotation_id) where points > 0 and not crowd
-- unjudged: they have no usable box, or no joint but at (0, 0)
--
with
lost as (
    select
        image_id, annotation_id, any_value(points) as points, count_if(gap > 0.1) as outside, avg(gap) as gap,
        max(gap) as furthest
    from stray
    where lost
    group by image_id, annotation_id
),
-- another box of the image that holds the joints better
fits as (
    select
        l.annotation_id, max(p.n) as n,
        max_by(o.ordinal, p.n) as ordinal, max_by(o.source_id, p.n) as source_id
    from lost l
    join instance o
        on o.image_id = l.image_id and o.annotation_id <> l.annotation_id and o.boxed and not o.crowd,
    lateral (
        select count(*) as n
        from stray s
        where s.annotation_id = l.annotation_id
            and s.x between o.x and o.x + o.w and s.y between o.y and o.y + o.h
    ) p
    where p.n > 0.5 * l.points
    group by l.annotation_id
)
select
    l.image_id,
    l.annotation_id,
    least(1, 0.5 * l.outside / l.points + 0.5 * least(1, l.gap)) as score,
    l.outside || ' of ' || l.points || ' joints are outside the box, '
        || format('on average by {:.2f} of its larger side', l.gap)
        || coalesce(
            '; the box of ' || coalesce('annotation ' || f.source_id, 'the image''s annotation ' || f.ordinal)
            || ' holds ' || f.n, ''
        ) as detail,
    json_object(
        'outside', l.outside, 'labelled', l.points, 'mean_gap', round(l.gap, 4),
        'largest_gap', round(l.furthest, 4), 'fits_ordinal', f.ordinal, 'fits_annotation', f.source_id
    ) as evidence
from lost l
left join fits f using (annotation_id)
