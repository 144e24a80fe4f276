-- title: Two annotations of an image are the same body or hand
-- category: keypoints
-- severity: warning
-- why: Counted twice, the instance weighs double in training; in evaluation one of the two can never be
--   matched, so a perfect model loses recall. Non-maximum suppression by OKS would drop one of them.
-- fix: Keep the better of the two annotations, joints and box alike.
-- of: poses
-- needs: keypoints
-- uses: instance pose
-- param oks = 0.9: the object keypoint similarity above which two annotations are the same. As in COCO's
--   evaluation it is the mean over joints labelled in both of exp(-d^2 / (2 s^2 k^2)), with k = 2 sigma, s^2
--   the smaller of the two areas (segmentation's; else 0.53 times the box's, as xtcocotools and Ultralytics
--   have it).
-- param joints = 3: how many joints have to be labelled in both
-- param share = 0.5: and which share of the joints of the one that has fewer
-- param sigma = 0.05: a joint's sigma where its skeleton publishes none; COCO's lie between 0.025 and 0.107
--
with
one as (
    select
        i.annotation_id, i.image_id, i.ordinal, i.source_id, i.label, i.skeleton, i.fx, i.fy, i.in_pixels,
        p.points - p.at_origin as points,
        p.x0 * i.fx as x0, p.x1 * i.fx as x1, p.y0 * i.fy as y0, p.y1 * i.fy as y1,
        case
            -- an area is one of pixels; no outline is larger than its box
            when i.boxed and i.area > 0 and isfinite(i.area) and i.in_pixels and i.fx = 1 and i.fy = 1
                then least(i.area, i.w * i.h)
            when i.boxed then 0.53 * i.w * i.fx * i.h * i.fy
            -- without a box the joints' extent has to do; a figure seen edge on is not infinitely thin
            else 0.53 * greatest(
                (p.x1 - p.x0) * i.fx * (p.y1 - p.y0) * i.fy,
                0.25 * greatest((p.x1 - p.x0) * i.fx, (p.y1 - p.y0) * i.fy) ** 2
            )
        end as s2
    from pose p
    join instance i using (annotation_id)
    where not i.crowd and p.points - p.at_origin >= $joints
),
pair as (
    select
        a.annotation_id as first_id, b.annotation_id as second_id, a.skeleton, a.fx, a.fy,
        least(a.s2, b.s2) as s2, least(a.points, b.points) as points
    from one a
    join one b on b.image_id = a.image_id and b.skeleton = a.skeleton and b.annotation_id > a.annotation_id
        -- some joint is nearer to its like than a tenth of s where OKS is 0.9, and a quarter where it is 0.5
        and a.x0 <= b.x1 + 0.25 * sqrt(least(a.s2, b.s2)) and b.x0 <= a.x1 + 0.25 * sqrt(least(a.s2, b.s2))
        and a.y0 <= b.y1 + 0.25 * sqrt(least(a.s2, b.s2)) and b.y0 <= a.y1 + 0.25 * sqrt(least(a.s2, b.s2))
),
placed as materialized (
    select k.annotation_id, k.joint, k.x, k.y
    from keypoint k
    semi join (
        select first_id as annotation_id from pair union select second_id from pair
    ) using (annotation_id)
    where k.annotation_id > $dataset::bigint * 1000000000
        and k.annotation_id < ($dataset::bigint + 1) * 1000000000
        and coalesce(k.visibility, 1) > 0 and isfinite(k.x) and isfinite(k.y) and not (k.x = 0 and k.y = 0)
),
compared as (
    select
        p.first_id, p.second_id, count(*) as common,
        avg(exp(
            -(((a.x - b.x) * p.fx) ** 2 + ((a.y - b.y) * p.fy) ** 2)
            / (2 * p.s2 * (2 * coalesce(j.sigma, $sigma)) ** 2)
        )) as oks
    from pair p
    join placed a on a.annotation_id = p.first_id
    join placed b on b.annotation_id = p.second_id and b.joint = a.joint
    left join joint j on j.skeleton = p.skeleton and j.joint = a.joint
    group by p.first_id, p.second_id
    having count(*) >= greatest($joints, $share * any_value(p.points)) and oks > $oks
),
-- the later of two is reported, once, with the earlier one that it is most like
best as (
    select
        second_id, max_by(first_id, (oks, -first_id)) as first_id, max_by(common, (oks, -first_id)) as common,
        max(oks) as oks, count(*) as others
    from compared
    group by second_id
)
select
    b.image_id,
    b.annotation_id,
    least(1, d.oks) as score,
    'OKS with ' || coalesce('annotation ' || a.source_id, 'annotation ' || a.ordinal || ' of the image')
        -- the image stands in two records, whose annotations are numbered alike
        || if(a.ordinal = b.ordinal, ' (in the image''s other record)', '')
        || format(' is {:.3f} over {} joints', d.oks, d.common)
        || if(a.label <> b.label, ', which is labelled ' || a.label || ' instead of ' || b.label, '')
        || case when d.others > 1 then '; ' || (d.others - 1) || ' more of the image are like it' else '' end
        as detail,
    json_object(
        'oks', round(d.oks, 5), 'common_joints', d.common, 'other_annotation', a.source_id,
        'other_ordinal', a.ordinal, 'other_label', a.label, 'label', b.label, 'pixels', b.in_pixels
    ) as evidence
from best d
join one a on a.annotation_id = d.first_id
join one b on b.annotation_id = d.second_id
