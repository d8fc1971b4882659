"""The cache of a service, on Valkey or Memcached through Django's own backends."""
