"""The figures' sums month by month, as one who knows DuckDB writes them: what `regulars bench insight` is held against.

Whoever bought or gave back something in a month (`MONTHS`), how everybody stood at its end (`STANDING`), and days since
the visit before (`GAPS`); the same spans, groups and statistics as `spanning` keeps, and the same numbers come out.
"""

PREPARE = """
CREATE OR REPLACE TEMP TABLE hand_days AS
SELECT customer_id, day, sum(orders)::BIGINT AS orders, sum(gross)::BIGINT AS gross, sum(back)::BIGINT AS back FROM (
    SELECT customer_id, placed_on AS day, 1 AS orders, goods_minor - discount_minor AS gross, 0 AS back FROM orders
     WHERE kind = 'purchase' AND NOT is_cancelled AND customer_id IS NOT NULL AND currency = 'GBP'
       AND placed_on <= DATE '{as_of}'
    UNION ALL
    SELECT customer_id, returned_on, 0, 0, matched_minor FROM returns
     WHERE currency = 'GBP' AND customer_id IS NOT NULL AND matched_minor <> 0 AND returned_on <= DATE '{as_of}')
 GROUP BY ALL;
CREATE OR REPLACE TEMP TABLE hand_sales AS
SELECT order_id, customer_id, placed_on AS day, channel, store, goods_minor - discount_minor AS gross FROM orders
 WHERE kind = 'purchase' AND NOT is_cancelled AND currency = 'GBP' AND placed_on <= DATE '{as_of}';
CREATE OR REPLACE TEMP TABLE hand_wares AS
SELECT DISTINCT customer_id, date_trunc('month', day)::DATE AS month, product_id
  FROM hand_sales JOIN lines USING (order_id) WHERE customer_id IS NOT NULL;
CREATE OR REPLACE TEMP TABLE hand_months AS
WITH did AS (
    SELECT customer_id, greatest(date_trunc('month', day)::DATE, DATE '{before}') AS month,
           sum(orders)::BIGINT AS orders, count(*) FILTER (orders > 0) AS days,
           sum(gross)::BIGINT AS gross, sum(back)::BIGINT AS back, min(day) FILTER (orders > 0) AS first_in,
           max(day) FILTER (orders > 0) AS last_in
      FROM hand_days GROUP BY ALL),
places AS (
    SELECT customer_id, greatest(date_trunc('month', day)::DATE, DATE '{before}') AS month,
           count(DISTINCT channel) AS channels, count(DISTINCT day) FILTER (store IS NOT NULL) AS store_days
      FROM hand_sales WHERE customer_id IS NOT NULL GROUP BY ALL),
wares AS (
    SELECT customer_id, greatest(month, DATE '{before}') AS month, count(DISTINCT product_id) AS wares
      FROM hand_wares GROUP BY ALL)
SELECT did.*, channels, store_days, wares,
       sum(days) OVER so_far AS all_days, sum(did.orders) OVER so_far AS all_orders,
       min(first_in) OVER so_far AS first_on, max(last_in) OVER so_far AS last_on, lead(month) OVER in_order AS until
  FROM did LEFT JOIN places USING (customer_id, month) LEFT JOIN wares USING (customer_id, month)
WINDOW so_far AS (PARTITION BY customer_id ORDER BY month ROWS UNBOUNDED PRECEDING),
       in_order AS (PARTITION BY customer_id ORDER BY month)
"""
MONTHS = """
SELECT month, segment, count(*) FILTER (orders > 0) AS n, sum(orders)::BIGINT AS orders, sum(gross)::BIGINT AS gross,
       sum(back)::BIGINT AS back, sum(gross::HUGEINT * gross) AS gg, sum(back::HUGEINT * back) AS bb,
       sum(gross::HUGEINT * back) AS gb, sum(orders::HUGEINT * orders) AS oo, sum(gross::HUGEINT * orders) AS go,
       sum(days)::BIGINT AS days, sum(days::HUGEINT * days) AS dd,
       sum(CASE WHEN orders > 0 THEN gross - back ELSE 0 END)::BIGINT AS net,
       sum(CASE WHEN orders > 0 THEN (gross - back)::HUGEINT * (gross - back) ELSE 0 END) AS nn,
       count(*) FILTER (orders > 0 AND first_on >= month) AS fresh, count(*) FILTER (channels > 1) AS several,
       count(*) FILTER (store_days > 0) AS in_store, sum(store_days)::BIGINT AS store_days, sum(wares)::BIGINT AS wares,
       sum(wares::HUGEINT * wares) AS ww
  FROM hand_months JOIN _who_segments USING (customer_id) WHERE month > DATE '{before}' AND all_orders > 0 GROUP BY ALL
"""
STANDING = """
SELECT ends.month, segment, count(*) AS n, count(*) FILTER (all_days >= 2) AS again,
       sum(ends.ended - last_on)::BIGINT AS ago,
       sum((ends.ended - last_on)::HUGEINT * (ends.ended - last_on)) AS squares,
       count(*) FILTER (ends.ended - last_on < 365) AS live,
       count(*) FILTER (ends.ended - last_on < 365 AND first_on >= ends.month) AS fresh
  FROM hand_months AS stood JOIN _who_segments USING (customer_id)
  JOIN (SELECT DISTINCT month, least(last_day(month), DATE '{as_of}') AS ended FROM hand_months
         WHERE month > DATE '{before}') AS ends ON ends.month >= stood.month AND (until IS NULL OR ends.month < until)
 WHERE all_orders > 0 GROUP BY ALL
"""
GAPS = """
WITH visits AS (
    SELECT customer_id, day, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap
      FROM hand_days WHERE orders > 0)
SELECT date_trunc('month', day)::DATE AS month, segment, gap, count(*) AS visits
  FROM visits JOIN _who_segments USING (customer_id)
 WHERE gap IS NOT NULL AND day >= DATE '{first}' GROUP BY ALL
"""
SALES = """
SELECT date_trunc('month', day)::DATE AS month, count(*) AS n, sum(gross)::BIGINT AS gross,
       sum(gross::HUGEINT * gross) AS gg, sum(gross) FILTER (customer_id IS NOT NULL)::BIGINT AS known
  FROM hand_sales WHERE day >= DATE '{first}' GROUP BY ALL
"""
