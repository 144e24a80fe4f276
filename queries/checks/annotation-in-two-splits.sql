-- title: The annotation, number for number, is in another split too
-- category: splits
-- severity: error
-- why: No two hands or people are alike to the last digit: the record was copied, with its image or onto
--   another one. Then a model is tested on what it was trained on, or one of the two images has a foreign
--   label.
-- fix: Look at both images: drop one where they are the same picture, else annotate the one it does not fit
--   anew.
-- of: annotations
-- needs: annotations splits
-- uses: split_pair compared_split
-- judged: select count(*) filter (telling and split in (from compared_split)), count(*)
--   from (
--   select i.split, a.digest is not null and (a.labelled >= 3 or list_sum(
--   [(abs(v * grain - round(v * grain)) > 1e-6)::integer for v in [a.x, a.y, a.w, a.h]]) >= 3) as telling
--   from annotation a join image i using (image_id),
--   (select if(unit = 'normalized', 1000, 1) as grain from dataset where dataset_id = $dataset)
--   where a.dataset_id = $dataset and a.kind = 'instance')
-- unjudged: fewer than 3 keypoints and a box of whole numbers tell nothing, or no split that can be compared
--   with another holds them
-- param common = 20: a box without keypoints that stands more often than this in the dataset is a default,
--   no copy
--
with
-- united boxes follow from the hands
ann as (
    select
        a.annotation_id, a.image_id, a.ordinal, a.digest, a.label, a.x, a.y, a.w, a.h, a.labelled,
        i.split, i.key
    from annotation a
    join image i using (image_id)
    where a.dataset_id = $dataset and a.kind = 'instance' and a.digest is not null
),
seen as (
    select digest, split, min(annotation_id) as annotation_id, count(*) as n, max(labelled) as labelled
    from ann
    group by digest, split
),
shared as (
    select digest, sum(n) as stands
    from seen
    group by digest
    -- a box may be a default; three or more joints that agree are copied, however often
    having count(*) > 1 and (sum(n) <= $common or max(labelled) >= 3)
),
pair as (
    select a.*, s.stands, o.annotation_id as twin, p.other, p.place
    from ann a
    join shared s using (digest)
    join split_pair p on p.split = a.split
    join seen o on o.digest = a.digest and o.split = p.other
),
-- the digest is of rounded numbers and can collide: the numbers themselves decide
given as (
    select
        annotation_id,
        list({'j': joint, 'x': x, 'y': y, 'v': visibility} order by joint) as points,
        count(x) filter (coalesce(visibility, 1) > 0) >= 3
            and max(x) filter (coalesce(visibility, 1) > 0)
                > min(x) filter (coalesce(visibility, 1) > 0) as telling
    from keypoint
    where annotation_id in (select annotation_id from pair union select twin from pair)
        and annotation_id between $dataset::bigint * 1000000000 and $dataset::bigint * 1000000000 + 999999999
    group by annotation_id
),
-- a box alone is only telling with decimals: whole pixels or round shares coincide
grain as (
    select case unit when 'normalized' then 1000 else 1 end as grain from dataset where dataset_id = $dataset
)
select
    p.image_id,
    p.annotation_id,
    string_agg(p.other, ' and ' order by p.place) as about,
    case when any_value(g.telling) then 'box, label and ' || any_value(p.labelled) || ' keypoints are'
        else 'box and label are' end
        || ' those of ' || string_agg(p.other || ' image ' || b.key, ' and ' order by p.place) as detail,
    json_object(
        'keypoints', any_value(p.labelled), 'elsewhere',
        list({'split': p.other, 'key': b.key, 'annotation': b.ordinal} order by p.place)
    ) as evidence
from pair p
cross join grain
join ann b on b.annotation_id = p.twin
left join given g on g.annotation_id = p.annotation_id
left join given o on o.annotation_id = p.twin
where p.label is not distinct from b.label
    and (p.x, p.y, p.w, p.h) is not distinct from (b.x, b.y, b.w, b.h)
    and g.points is not distinct from o.points
    and (coalesce(g.telling, false)
        or p.stands <= $common and list_sum([
            (abs(v * grain - round(v * grain)) > 1e-6)::integer for v in [p.x, p.y, p.w, p.h]
        ]) >= 3)
group by p.image_id, p.annotation_id
