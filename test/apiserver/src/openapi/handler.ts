// SPDX-License-Identifier: Apache-2.0
import { type Exchange, sendBody, sendJson } from '../http/exchange.ts';
import { openApiV2Json, openApiV2Protobuf } from './v2.ts';
import { openApiV3Document, openApiV3Index } from './v3.ts';

/** Answered without the @ of the Accept header, which Go does not parse as a media type. */
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const V3_PREFIX = '/openapi/v3/';

/** Answers `/openapi/v2` and `/openapi/v3`; false when the path is neither. */
export function handleOpenApi(exchange: Exchange): boolean {
  const path = exchange.url.pathname;
  if (path === '/openapi/v2') {
    if ((exchange.request.headers.accept ?? '').includes('proto-openapi.spec.v2')) {
      sendBody(exchange.response, 200, V2_PROTOBUF, openApiV2Protobuf());
    } else {
      sendBody(exchange.response, 200, 'application/json', openApiV2Json());
    }
    return true;
  }
  if (path === '/openapi/v3' || path === V3_PREFIX) {
    sendJson(exchange, 200, openApiV3Index());
    return true;
  }
  if (!path.startsWith(V3_PREFIX)) return false;
  const document = openApiV3Document(path.slice(V3_PREFIX.length));
  if (document === undefined) return false;
  sendBody(exchange.response, 200, 'application/json', document);
  return true;
}
