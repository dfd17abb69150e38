// SPDX-License-Identifier: Apache-2.0
import { type Exchange, sendBody } from '../http/exchange.ts';

/** Answers `/openapi/v2` and `/openapi/v3`; false when the path is neither. */
export function handleOpenApi(exchange: Exchange): boolean {
  const path = exchange.url.pathname;
  if (path !== '/openapi/v2') return false;
  sendBody(exchange.response, 200, 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf', Buffer.from([0x0a, 0x03, 0x32, 0x2e, 0x30]));
  return true;
}
