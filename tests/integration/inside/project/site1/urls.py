import os

from django.urls import path
from shop import contended, leaks, views

urlpatterns = [
    path("", views.hello, name="hello"),
    path("interpreter/", views.interpreter),
    path("slow/<int:milliseconds>/", views.slow, name="slow"),
    path("async-slow/<int:milliseconds>/", views.async_slow, name="async-slow"),
    path("who/", views.who, name="who"),
    path("form/", views.form, name="form"),
    path("echo/", views.echo, name="echo"),
    path("events/", views.events, name="events"),
    path("silent-events/", views.silent_events, name="silent-events"),
    path("slow-stream/<int:milliseconds>/", views.slow_stream, name="slow-stream"),
    path("add/<str:name>/", views.add),
    path("add-atomic/<str:name>/", views.add_atomic),
    path("swap/<str:first>/<str:second>/<int:tries>/", contended.swap),
    path("drf-swap/<str:first>/<str:second>/", contended.Swap.as_view()),
    path("book/<str:name>/", contended.book),
    path("no-room/", contended.no_room),
    path("async-no-room/", contended.async_no_room),
    path("items/", views.items),
    path("async-items/", views.async_items),
    path("primary-items/", views.primary_items),
    path("boom/", views.boom, name="boom"),
    path("status/<int:status>/", views.with_status, name="status"),
    path("leak/<str:token>/", leaks.leak, name="leak"),
    path("statement/", views.statement, name="statement"),
    path("stream/", views.stream, name="stream"),
    path("limited/", views.limited, name="limited"),
    path("async-limited/", views.async_limited, name="async-limited"),
    path("database/<int:milliseconds>/", views.database, name="database"),
]
if os.environ.get("SHOP_SPANS"):  # the module changes urllib3 for the whole process
    from shop import spans

    urlpatterns += [
        path("reserve/", spans.reserve),
        path("async-reserve/", spans.async_reserve),
        path("fail/", spans.fail),
        path("many/<int:count>/", spans.many),
    ]
