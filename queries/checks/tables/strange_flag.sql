-- Visibility flags that are none, as findings: those that could not be stored, as reported while reading, and
-- whole numbers other than 0, 1 and 2: what visibility_invalid.py asks, whose parameters these are.

-- name: findings
with
told as (
    select *, coalesce(annotation_id, hash(about) % 1000000000) as record
    from located_problem
    where kind = 'visibility-invalid'
),
told_way as (
    select
        count(distinct record) as having_some, n,
        n > 0 and count(distinct record) > $convention * n and count(distinct record) >= $few as is_way
    from told, (select count(*) as n from pose)
    group by n
),
posed as (
    select
        i.image_id, i.annotation_id, i.skeleton, coalesce(i.skeleton, '') as own, p.joints as of_joints,
        p.strange_flags
    from pose p
    join instance i using (annotation_id)
),
way as (
    select
        own, count(*) as n, count_if(strange_flags > 0) as having_some, sum(strange_flags) as joints,
        count_if(strange_flags > 0) > $convention * count(*) and count_if(strange_flags > 0) >= $few
            as is_way,
        any_value(annotation_id) filter (strange_flags > 0) as one_of_them
    from posed
    group by own
),
-- the few annotations with such a flag are known, and all keypoints need not be read again; of a dataset
-- whose way it is, one annotation shows it
flagged as (
    select p.*, k.joint, k.x, k.y, k.visibility, coalesce(j.name, 'joint ' || k.joint) as name, w.is_way
    from posed p
    join way w on w.own = p.own and (not w.is_way or w.one_of_them = p.annotation_id)
    join keypoint k using (annotation_id)
    left join joint j on j.skeleton = p.skeleton and j.joint = k.joint
    where p.strange_flags > 0
        and k.annotation_id between $dataset::bigint * 1000000000 and ($dataset::bigint + 1) * 1000000000
        and k.visibility not in (0, 1, 2)
)
select image_id, annotation_id, joint, about, 1 as score, detail, evidence
from told
where not (select is_way from told_way)
union all by name
select
    'flags' as about,
    1 as score,
    format('{:,} annotations of {:,} have flags that are none, for instance: ', w.having_some, w.n)
        || (select arg_min(detail, record) from told) as detail,
    json_object('annotations', w.having_some, 'of', w.n) as evidence,
    w.having_some as records
from told_way w
where is_way
union all by name
select
    image_id,
    annotation_id,
    joint,
    1 as score,
    name || ' has the flag ' || visibility || ', expected 0, 1 or 2' as detail,
    json_object('visibility', visibility, 'x', x, 'y', y) as evidence
from flagged
where not is_way and strange_flags <= $joints
union all by name
select
    image_id,
    annotation_id,
    1 as score,
    strange_flags || ' of ' || of_joints || ' joints have flags other than 0, 1 and 2: '
        || array_to_string(list(name || ' ' || visibility order by joint)[:6], ', ')
        || if(strange_flags > 6, ', ...', '') as detail,
    json_object(
        'joints', list(joint order by joint), 'visibility', list(visibility order by joint)
    ) as evidence
from flagged
where not is_way and strange_flags > $joints
group by image_id, annotation_id, strange_flags, of_joints
union all by name
select
    own as about,
    1 as score,
    format(
        '{:,} of {:,} annotations have flags other than 0, 1 and 2, {:,} joints in all: ',
        w.having_some, w.n, w.joints
    ) || (
        select array_to_string(list(f.name || ' ' || f.visibility order by f.joint)[:3], ', ')
        from flagged f
        where f.own = w.own
    ) || ' in one of them' as detail,
    json_object('annotations', w.having_some, 'of', w.n, 'joints', w.joints) as evidence,
    w.having_some as records
from way w
where is_way
