-- name: empty_boxes
select count(*) from problem where kind = 'field-type' and message = $told;

-- name: forgive_empty_boxes
delete from problem where kind = 'field-type' and message = $told;

-- name: flags
select distinct visibility from keypoint;
