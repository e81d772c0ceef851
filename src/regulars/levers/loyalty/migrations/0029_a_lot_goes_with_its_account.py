"""The app may write whose a lot is since it can be inherited: only with the account it goes to, and whose it was stays."""

from django.db import migrations

GOES = """
CREATE FUNCTION loyalty_lot_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.account_id = OLD.account_id OR NEW.record_id = OLD.record_id
       OR coalesce(NEW.earned_by_id, NEW.record_id) <> coalesce(OLD.earned_by_id, OLD.record_id) THEN
        RAISE EXCEPTION 'loyalty_lot goes to another record with its account alone, and stays whose it was'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER loyalty_lot_goes BEFORE UPDATE OF record_id, earned_by_id ON loyalty_lot FOR EACH ROW
    WHEN (OLD.record_id IS DISTINCT FROM NEW.record_id OR OLD.earned_by_id IS DISTINCT FROM NEW.earned_by_id)
    EXECUTE FUNCTION loyalty_lot_goes();
"""
STAYS = "DROP TRIGGER loyalty_lot_goes ON loyalty_lot; DROP FUNCTION loyalty_lot_goes();"


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0028_lots_that_are_inherited")]

    operations = [migrations.RunSQL(GOES, STAYS)]
