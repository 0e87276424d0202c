CREATE TABLE reviews (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author text NOT NULL);
INSERT INTO reviews (author) SELECT 'author ' || i FROM generate_series(1, 12000) i;
