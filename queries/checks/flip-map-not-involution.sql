-- title: The flip map is no exchange of joints
-- category: skeleton
-- severity: error
-- why: Flipping an image twice gives the image back, so a flip map taken twice must give every joint back.
--   Where it does not, half of the mirrored images are trained with joints in the place of others, and some
--   joints are never trained in theirs.
-- fix: Write the map again: each joint stands at the place of its mirror image, and that one at its own; a
--   joint without one stands at its own place. `kpaudit skeletons NAME` prints the maps of known skeletons.
-- of: skeletons
-- needs: skeletons flips
--
with
used as (
    select distinct skeleton from annotation
    where dataset_id = $dataset and kind = 'instance' and skeleton is not null
),
steps as (
    select j.skeleton, j.joint, j.name, j.flip, m.name as mirrored, m.flip as back, b.name as back_name
    from joint j
    semi join used using (skeleton)
    left join joint m on m.skeleton = j.skeleton and m.joint = j.flip
    left join joint b on b.skeleton = j.skeleton and b.joint = m.flip
    where j.flip is not null
),
-- a flip beyond the joints has no name; one whose own flip is not known leads back to nothing
wrong as (
    select
        *,
        case
            when mirrored is null then format('{} goes to joint {}, which there is not', name, flip)
            when back is null then format('{} goes to {}, which has no mirror image', name, mirrored)
            else format(
                '{} goes to {}, and {} to {}', name, mirrored, mirrored, coalesce(back_name, 'joint ' || back)
            )
        end as told
    from steps
    where mirrored is null or back is distinct from joint
),
sizes as (
    select skeleton, count(*) as joints, list(flip order by joint) as map
    from joint
    semi join used using (skeleton)
    group by skeleton
)
select
    w.skeleton as about,
    1 as score,
    format('flipped twice, {} of {} joints do not come back: ', count(*), any_value(s.joints))
        || array_to_string((list(w.told order by w.joint))[:4], '; ')
        || case when count(*) > 4 then '; ...' else '' end as detail,
    json_object('flip_map', any_value(s.map), 'joints', list(w.name order by w.joint)) as evidence
from wrong w
join sizes s using (skeleton)
group by w.skeleton
