/** Catalogs: the list, their rows, replacing one. */
import type { Catalogs, Services } from "../../runtime/ports/services.ts";
import type { Asked } from "./route.ts";
import { bodyEncoding, limitedBody, mediaType } from "./request_body.ts";

/** The formats that a catalog can be sent in, by media type. */
export const catalogFormats: Readonly<Record<string, Parameters<Catalogs["put"]>[2]>> = {
  "application/x-ndjson": "ndjson",
  "application/json": "json-array",
  "text/csv": "csv",
};

/** `GET /api/v1/catalogs` */
export async function listCatalogs({ catalogs }: Services, { signal }: Asked) {
  const list = await catalogs.list(signal);
  return { catalogs: list.map((catalog) => ({ ...catalog, columns: [...catalog.columns] })) };
}

/** `GET /api/v1/catalogs/{name}` */
export async function readCatalog({ catalogs }: Services, { c, params, signal }: Asked) {
  const page = await catalogs.get(c.req.param("name")!, params, signal);
  const { catalog, columns, items, next } = page;
  return { catalog, columns: [...columns], rows: [...items], next };
}

/** `PUT /api/v1/catalogs/{name}` */
export async function putCatalog({ catalogs }: Services, { c, maxBodyBytes }: Asked) {
  const type = mediaType(c.req.raw, Object.keys(catalogFormats));
  bodyEncoding(c.req.raw, []);
  const { stream, fault } = limitedBody(c.req.raw, maxBodyBytes);
  try {
    return await catalogs.put(c.req.param("name")!, stream, catalogFormats[type]);
  } catch (error) {
    throw fault() ?? error;
  }
}
