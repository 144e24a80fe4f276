-- The images asked for, in the order they are to be walked through; 'file' is that of the source files.
select i.image_id
from narrowed_image($f, $n) i
left join (
    select image_id, min(order_rank($order, w, h, labelled)) as rank, count(*) as boxes
    from narrowed_annotation($f, $n)
    where $order <> 'file'
    group by image_id
) a using (image_id)
order by
    case $order
        when 'most_boxes' then -coalesce(a.boxes, 0)
        when 'fewest_boxes' then coalesce(a.boxes, 0)
    end,
    a.rank nulls last,
    i.image_id
