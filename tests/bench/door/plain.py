"""What the door does, as plain views of Django do it: the same doors in Python, behind the usual middlewares.

python -m tests.bench.door.plain REDIS_URL PORT

No token is looked at and nothing is kept of exports, so it does less than the door.
"""

import json
import sys

import django
import uvicorn
from django.conf import settings

if __name__ == "__main__":
    url, port = sys.argv[1], int(sys.argv[2])
    settings.configure(
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["localhost"],
        SECRET_KEY="of the bench",
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
    )
    django.setup()

from django.core.asgi import get_asgi_application  # settings first
from django.http import HttpRequest, JsonResponse
from django.urls import path

from core import ApprovalGate, HeartbeatCoordinator

_beating: dict[str, HeartbeatCoordinator] = {}


def ask(request: HttpRequest) -> JsonResponse:
    said = json.loads(request.body)
    asked = ApprovalGate(agent_id=said["agent"]).open_request(said["type"], said["context"], said["timeout"])
    return JsonResponse({"id": asked.request_id}, status=201)


def outcome(request: HttpRequest, request_id: str) -> JsonResponse:
    gate = ApprovalGate(agent_id=request.GET["agent"])
    response = gate.wait_for_decision(request_id, timeout=float(request.GET["wait"]))
    if response is None:
        return JsonResponse({"id": request_id, "status": "pending"}, status=202)
    return JsonResponse({"id": request_id, "status": response.status, "approved": response.approved})


def beat(request: HttpRequest) -> JsonResponse:
    said = json.loads(request.body)
    known = _beating.get(said["agent"])
    if known is None:
        known = _beating[said["agent"]] = HeartbeatCoordinator()
        known.start_heartbeat(said["agent"])
    known.beat(said["status"], said["progress"], said["task"])
    return JsonResponse({"agent": said["agent"], "conflict": known.conflict})


def nothing(request: HttpRequest) -> JsonResponse:
    json.loads(request.body)
    return JsonResponse({})


urlpatterns = [
    path("api/v1/requests", ask),
    path("api/v1/requests/<request_id>/outcome", outcome),
    path("api/v1/beat", beat),
    path("api/v1/hooks/claude-code", nothing),
    path("v1/logs", nothing),
]

if __name__ == "__main__":
    uvicorn.run(get_asgi_application(), port=port, lifespan="off", log_level="error", access_log=False)
