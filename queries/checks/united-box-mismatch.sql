-- title: The united box is not that of two hands that make one gesture
-- category: boxes
-- severity: warning
-- why: A detector of two-handed gestures learns from the united boxes alone: one around a single hand
--   teaches it half of the gesture, a missing one that the gesture is background.
-- fix: Make the united box the smallest around the two hands of the gesture, and give one to two-handed
--   gestures only.
-- of: united boxes
-- needs: boxes hagrid united
-- uses: instance gesture_hands
-- judged: select count(*) from (select annotation_id from annotation where dataset_id = $dataset and
--   kind = 'united' union all select null from instance i
--   where boxed and label in (select label from gesture_hands where hands = 2) and not exists (
--   select 1 from annotation u where u.image_id = i.image_id and u.kind = 'united'
--   and coalesce(u.label, i.label) = i.label) group by image_id, label having count(*) > 1)
-- param iou = 0.9: the least intersection over union with the box around two hands of the gesture
--
with
united as (
    select annotation_id, image_id, label, x, y, w, h
    from annotation
    where dataset_id = $dataset and kind = 'united'
),
hand as (
    select annotation_id, image_id, label, x, y, x + w as x1, y + h as y1
    from instance
    where boxed
),
shown as (
    select image_id, label, count(*) as hands
    from hand
    group by image_id, label
),
pair as (
    select
        u.annotation_id, u.x as ux, u.y as uy, u.w as uw, u.h as uh,
        least(a.x, b.x) as x, least(a.y, b.y) as y,
        greatest(a.x1, b.x1) as x1, greatest(a.y1, b.y1) as y1
    from united u
    join hand a on a.image_id = u.image_id and (a.label = u.label or u.label is null)
    join hand b
        on b.image_id = u.image_id and b.annotation_id > a.annotation_id
        and b.label is not distinct from a.label
),
fit as (
    select annotation_id, max(shared / (uw * uh + (x1 - x) * (y1 - y) - shared)) as iou
    from (
        select
            *,
            greatest(least(ux + uw, x1) - greatest(ux, x), 0)
                * greatest(least(uy + uh, y1) - greatest(uy, y), 0) as shared
        from pair
        where uw > 0 and uh > 0 and isfinite(ux) and isfinite(uy) and isfinite(uw) and isfinite(uh)
    )
    group by annotation_id
),
wrong as (
    select
        u.image_id,
        u.annotation_id,
        case
            when u.label in (select label from gesture_hands where hands = 1) then 1
            when coalesce(s.hands, 0) < 2 and u.label is not null or not coalesce(f.iou >= 0, false) then 1
            else 1 - f.iou
        end as score,
        case
            when u.label in (select label from gesture_hands where hands = 1)
                then 'a united box of ' || u.label || ', which one hand makes alone'
            when coalesce(s.hands, 0) < 2 and u.label is not null
                then 'a united box of ' || u.label || ', of which ' || coalesce(s.hands, 0)
                    || case when s.hands = 1 then ' hand is' else ' hands are' end || ' boxed, expected 2'
            when not coalesce(u.w > 0 and u.h > 0 and f.iou >= 0, false)
                then 'the united box is no box, or there are no two hands of one gesture to compare it with'
            else format('IoU {:.2f} of the united box with the box around both hands', f.iou)
        end as detail,
        json_object('label', u.label, 'hands', coalesce(s.hands, 0), 'iou', f.iou) as evidence
    from united u
    left join fit f using (annotation_id)
    left join shown s on s.image_id = u.image_id and s.label = u.label
    where u.label in (select label from gesture_hands where hands = 1) or not coalesce(f.iou >= $iou, false)
)
select image_id, annotation_id, null as about, score, detail, evidence from wrong
union all
select
    s.image_id,
    null,
    s.label,
    1,
    'no united box, where ' || s.hands || ' hands make ' || s.label || ', a gesture of two hands',
    json_object('label', s.label, 'hands', s.hands)
from shown s
where s.hands > 1
    and s.label in (select label from gesture_hands where hands = 2)
    and not exists (
        select 1 from united u where u.image_id = s.image_id and coalesce(u.label, s.label) = s.label
    )
