-- uses: split_pair
-- The splits that can be compared with another one. What is in no other is judged by no check across splits.
create or replace table compared_split as
select split from split_pair union select other from split_pair
