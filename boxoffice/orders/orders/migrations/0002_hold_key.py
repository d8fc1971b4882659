from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """The database fills the key in: the release that is being replaced does not know of it."""

    dependencies = [("orders", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="hold",
            name="key",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Idempotency-Key, if any", max_length=200
            ),
        ),
    ]
