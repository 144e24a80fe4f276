-- The public schema of an index: people write SQL against it, so its names are a contract.
-- Every dataset is one DuckDB file with these tables; store.py shows all of them, side by side,
-- under the same plain names.
--
-- Keys are integers. The ids of one dataset lie in its own block of a thousand million
-- (dataset_id * 1_000_000_000 + n, n from 1), so ids never clash between datasets.

create table dataset (
    dataset_id          integer not null,
    name                varchar not null,  -- unique in the workspace
    format              varchar not null,  -- hagrid, coco, yolo, ...: see `kpaudit formats`
    root                varchar not null,  -- absolute path of what was indexed
    image_root          varchar,           -- --images, where given; else images are looked for under root
    unit                varchar not null,  -- normalized (0..1 of the image's width and height) or pixel
    visibility_recorded boolean not null,  -- false: the format has no flag, keypoint.visibility is NULL
    subjects_recorded   boolean not null,  -- false: no image names its subject
    classes             varchar[],         -- classes that the dataset declares, in its own order
    notes               varchar[],         -- what had to be assumed to read it, in plain words
    options             json not null,     -- what was said on the command line, kept when indexed again
    schema_version      integer not null,  -- of these tables; an index of another version is built anew
    reader_version      integer not null,  -- a reader that changes its mind re-reads its files
    build_id            varchar not null,  -- new with every build
    indexed_at          timestamp not null,
    seconds             double             -- wall time of the build
);

create table source_file (
    file_id      bigint not null,
    dataset_id   integer not null,
    path         varchar not null,         -- relative to dataset.root, with forward slashes
    split        varchar,
    bytes        bigint not null,
    mtime_ns     bigint not null,
    content_hash varchar,                  -- BLAKE2b of its bytes, 128 bits, hex
    status       varchar not null,         -- read, tolerant (bad records set aside), unreadable, skipped
    records      bigint,
    detail       varchar                   -- why it was skipped or could not be read
);

create table image (
    image_id   bigint not null,
    dataset_id integer not null,
    file_id    bigint not null,
    source_id  varchar,                    -- the image's own id, where the format has one beside the key
    key        varchar not null,           -- HaGRID: the record's id; COCO and YOLO: the file's name
    file_name  varchar,                    -- relative to the images' root, as far as the source says
    split      varchar not null,           -- train, val, test or as found; 'unsplit' where nothing says
    width      integer,                    -- pixels, as the annotation file says; NULL where it does not
    height     integer,
    subject    varchar,
    age        double,                     -- the first person's, where several are given
    gender     varchar,
    race       varchar,
    attributes json                        -- whatever else the source says of the image
);

create table annotation (
    annotation_id bigint not null,
    dataset_id    integer not null,
    image_id      bigint not null,
    source_id     varchar,                 -- the annotation's own id, where the format has one
    ordinal       integer not null,        -- place among the image's annotations in its file, from 0
    kind          varchar not null,        -- instance; united: HaGRID's box around both hands
    label         varchar,
    x             double,                  -- box: top-left corner and size, in dataset.unit
    y             double,
    w             double,
    h             double,
    area          double,                  -- as the source gives it (COCO: of the segmentation)
    crowd         boolean not null,
    skeleton      varchar,                 -- joint.skeleton; NULL where it can have no keypoints
    labelled      smallint,                -- joints with visibility > 0; with no flag recorded: joints given
    visible       smallint,                -- joints with visibility = 2; NULL where no flag is recorded
    handedness    varchar,                 -- left or right, where the source says
    digest        bigint,                  -- of label, box and keypoints: a decision sees that they changed
    attributes    json
);

create table keypoint (
    annotation_id bigint not null,
    joint         smallint not null,       -- from 0, in the skeleton's order
    x             double,                  -- in dataset.unit; float in an index of HaGRID whose landmarks all
    y             double,                  -- are float32s: cast to double they are the source's numbers
    visibility    tinyint                  -- 0 not labelled, 1 occluded, 2 visible; NULL: not recorded
);

create table joint (
    skeleton  varchar not null,
    joint     smallint not null,
    name      varchar not null,            -- as the source spells it
    flip      smallint,                    -- its mirror image's index; itself where it has none
    sigma     double,                      -- OKS: published per-keypoint constant, NULL where none is
    part      varchar,                     -- head, torso, left_arm, ... or thumb, index, ...
    canonical varchar not null             -- the name that the same joint has in every skeleton
);

create table bone (
    skeleton varchar not null,
    joint_a  smallint not null,
    joint_b  smallint not null
);

create table problem (
    dataset_id integer not null,
    file_id    bigint,
    locator    varchar not null,           -- the record: a key, annotations[12], line 3, byte 4711
    kind       varchar not null,           -- the slug of `kpaudit checks`, group records
    message    varchar not null            -- what was found and what was expected
);
