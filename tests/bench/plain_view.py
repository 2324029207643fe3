"""A plain Django view behind the middleware that Django itself proposes: it reads a body and says that it has it.

python -m tests.bench.plain_view REDIS_URL PORT
"""

import sys

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path


async def take(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"bytes": len(request.body)})


urlpatterns = [path("v1/logs", take)]


def main(port: int) -> None:
    settings.configure(
        SECRET_KEY="bench", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )  # fmt: skip
    django.setup()
    uvicorn.run(get_asgi_application(), port=port, lifespan="off", log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[2]))
