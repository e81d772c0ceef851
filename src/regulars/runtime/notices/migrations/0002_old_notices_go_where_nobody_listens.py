"""With no listener at all there is nobody who could still want to read: old notices go by their age alone."""

from django.db import migrations

DROP_DELIVERED = """
CREATE OR REPLACE FUNCTION notices_drop_delivered(listeners text[], keep interval, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    read_by_all bigint;
    dropped bigint;
BEGIN
    IF keep < interval '7 days' THEN
        RAISE EXCEPTION 'notices are kept for 7 days at least' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cardinality(listeners) = 0 THEN
        read_by_all := 9223372036854775807;
    ELSE
        SELECT min(position) INTO read_by_all FROM notices_subscriber WHERE name = ANY (listeners);
    END IF;
    PERFORM set_config('regulars.retention', 'notices', true);
    DELETE FROM notices_notice WHERE id IN (
        SELECT n.id FROM notices_notice n
        WHERE n.id <= read_by_all AND n.recorded_at < now() - keep
          AND NOT EXISTS (SELECT 1 FROM notices_parked p WHERE p.notice_id = n.id)
        ORDER BY n.id LIMIT most);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    PERFORM set_config('regulars.retention', '', true);
    RETURN dropped;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_outbox")]

    operations = [migrations.RunSQL(DROP_DELIVERED, migrations.RunSQL.noop)]
