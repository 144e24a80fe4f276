-- Tables of the schema that nothing has filled yet: empty, so that queries and people can name them.

create view finding as
select
    null::varchar as finding_key,
    null::varchar as check_id,
    null::varchar as severity,
    null::integer as dataset_id,
    null::bigint as image_id,
    null::bigint as annotation_id,
    null::smallint as joint,
    null::double as score,
    null::varchar as detail,
    null::json as evidence
where false;

create view image_fact as
select
    null::bigint as image_id,
    null::bigint as bytes,
    null::varchar as sha256,
    null::ubigint as phash,
    null::integer as width,
    null::integer as height,
    null::double as blur,
    null::double as brightness,
    null::varchar as error
where false;
