"""The part of Qdrant's gRPC interface that we use, on loopback, over the engine of a `QdrantWire`."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from qdrant_client import grpc as messages
from qdrant_client import models
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

from tests.integration.qdrant import qdrant_wire
from tests.integration.qdrant.qdrant_wire import QdrantWire


class GrpcWire(messages.PointsServicer, messages.CollectionsServicer, messages.QdrantServicer):
    def __init__(self, wire: QdrantWire) -> None:
        self.wire, self.engine = wire, wire.engine
        self.calls: list[str] = []
        self.server = grpc.server(ThreadPoolExecutor(4))
        messages.add_PointsServicer_to_server(self, self.server)
        messages.add_CollectionsServicer_to_server(self, self.server)
        messages.add_QdrantServicer_to_server(self, self.server)
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> "GrpcWire":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop(0).wait()

    def _called(self, name: str, context: grpc.ServicerContext, collection: str | None = None) -> None:
        self.calls.append(name)
        sent = dict(context.invocation_metadata()).get("api-key")
        if self.wire.key is not None and sent != self.wire.key:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"Invalid API key {sent}")
        if collection is not None and collection not in self.wire.layouts:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{collection}` doesn't exist!")

    def HealthCheck(self, request: Any, context: grpc.ServicerContext) -> Any:
        return messages.HealthCheckReply(title="qdrant", version=qdrant_wire.VERSION)

    def List(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("List", context)
        names = [item.name for item in self.engine.get_collections().collections]
        return messages.ListCollectionsResponse(
            collections=[messages.CollectionDescription(name=name) for name in names]
        )

    def Get(self, request: Any, context: grpc.ServicerContext) -> Any:
        if type(request) is not messages.GetCollectionInfoRequest:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "points are read by scrolling")
        name = request.collection_name
        self._called("Get", context, name)
        info = self.engine.get_collection(name)
        info.payload_schema = {
            key: models.PayloadIndexInfo(data_type=kind, points=0) for key, kind in self.wire.indexes[name].items()
        }
        return messages.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("Create", context)
        vectors = GrpcToRest.convert_vectors_config(request.vectors_config)
        self.wire.layouts[request.collection_name] = models.CreateCollection(vectors=vectors)
        self.wire.indexes[request.collection_name] = {}
        self.engine.create_collection(request.collection_name, vectors_config=vectors)
        return messages.CollectionOperationResponse(result=True)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Of both services: a collection, or points."""
        self._called("Delete", context, request.collection_name)
        if isinstance(request, messages.DeleteCollection):
            self.wire.layouts.pop(request.collection_name)
            self.engine.delete_collection(request.collection_name)
            return messages.CollectionOperationResponse(result=True)
        self.engine.delete(request.collection_name, GrpcToRest.convert_points_selector(request.points))
        return self._done()

    def ListAliases(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("ListAliases", context)
        found = self.engine.get_aliases().aliases
        return messages.ListAliasesResponse(aliases=[RestToGrpc.convert_alias_description(item) for item in found])

    def UpdateAliases(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("UpdateAliases", context)
        self.engine.update_collection_aliases([GrpcToRest.convert_alias_operations(item) for item in request.actions])
        return messages.CollectionOperationResponse(result=True)

    def CreateFieldIndex(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("CreateFieldIndex", context, request.collection_name)
        params = GrpcToRest.convert_payload_schema_params(request.field_index_params)
        self.wire.indexes[request.collection_name][request.field_name] = params.type.value
        return self._done()

    def Upsert(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("Upsert", context, request.collection_name)
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        self.engine.upsert(request.collection_name, points)
        return self._done()

    def Query(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("Query", context, request.collection_name)
        found = self.engine.query_points(
            request.collection_name,
            query=GrpcToRest.convert_query(request.query),
            query_filter=GrpcToRest.convert_filter(request.filter),
            limit=request.limit,
            with_payload=True,
        )
        for point in found.points:
            point.version = 1
        return messages.QueryResponse(result=[RestToGrpc.convert_scored_point(point) for point in found.points])

    def Count(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("Count", context, request.collection_name)
        found = self.engine.count(request.collection_name, GrpcToRest.convert_filter(request.filter), exact=True)
        return messages.CountResponse(result=messages.CountResult(count=found.count))

    def Scroll(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._called("Scroll", context, request.collection_name)
        offset = GrpcToRest.convert_point_id(request.offset) if request.HasField("offset") else None
        page, following = self.engine.scroll(
            request.collection_name,
            GrpcToRest.convert_filter(request.filter),
            limit=request.limit,
            offset=offset,
            with_vectors=request.with_vectors.enable,
        )
        answer = messages.ScrollResponse(result=[RestToGrpc.convert_retrieved_point(point) for point in page])
        if following is not None:
            answer.next_page_offset.CopyFrom(RestToGrpc.convert_extended_point_id(following))
        return answer

    def _done(self) -> Any:
        result = messages.UpdateResult(operation_id=1, status=messages.UpdateStatus.Completed)
        return messages.PointsOperationResponse(result=result)
