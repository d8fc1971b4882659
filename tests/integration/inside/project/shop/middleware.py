from shop.models import Item


def counts_items(get_response):
    """A middleware that needs the database before any view runs."""

    def middleware(request):
        request.items = Item.objects.count()
        return get_response(request)

    return middleware
