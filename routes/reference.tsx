/** The API: every operation, to read and to try. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import TryIt from "../islands/TryIt.tsx";
import { define } from "./(_shared)/define.ts";
import { type Document, type Operation, operationsOf } from "./(_shared)/reference.ts";

export const handler = define.handlers({
  async GET({ url, state }) {
    const response = await state.api(new Request(new URL("/api/v1/openapi.json", url)));
    return page(operationsOf(await response.json() as Document));
  },
});

export default define.page<typeof handler>(({ data }) => {
  const tags = [...new Set(data.map(({ tag }) => tag))];
  return (
    <>
      <Head>
        <title>API · Twofold</title>
      </Head>
      <div class="heading">
        <h1>API</h1>
        <p>
          Version 1. Errors are RFC 9457 problem details that name the invalid field. OpenAPI
          document: <a href="/api/v1/openapi.json">OpenAPI 3.1</a>.
        </p>
      </div>
      <nav aria-label="Parts of the API" class="choices">
        <ul>
          {tags.map((tag) => (
            <li key={tag}>
              <a href={`#${idOf(tag)}`}>{tag}</a>
            </li>
          ))}
        </ul>
      </nav>
      {tags.map((tag) => (
        <section key={tag} aria-labelledby={idOf(tag)}>
          <h2 id={idOf(tag)}>{tag}</h2>
          {data.filter((each) => each.tag === tag).map((each) => (
            <OperationPart key={each.id} operation={each} />
          ))}
        </section>
      ))}
    </>
  );
});

const idOf = (tag: string) => `tag-${tag.toLowerCase().replaceAll(" ", "-")}`;

function OperationPart({ operation }: { readonly operation: Operation }) {
  const { id, method, path, summary, description, fields, answers } = operation;
  const { parameters, bodyTypes, bodyExample, writes } = operation;
  return (
    <details class="operation">
      <summary>
        <code>
          <b>{method}</b> {path}
        </code>{" "}
        <span>{summary}</span>
      </summary>
      {/* A link to what is within opens it. */}
      <div id={id}>
        {description !== "" && <p>{description}</p>}
        {fields.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label={`Parameters of ${id}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Parameter</th>
                  <th scope="col">In</th>
                  <th scope="col">Type</th>
                  <th scope="col">What</th>
                </tr>
              </thead>
              <tbody>
                {fields.map((field) => (
                  <tr key={`${field.where} ${field.name}`}>
                    <th scope="row">
                      <code>{field.name}</code>
                    </th>
                    <td>{field.where}</td>
                    <td class="wrap">{field.type}</td>
                    <td class="wrap">{field.description}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <p class="hint">
          Answers: {answers.map(({ status, description }) => `${status} ${description}`).join("; ")}
        </p>
        <TryIt
          id={id}
          method={method}
          path={path}
          parameters={parameters}
          bodyTypes={bodyTypes}
          bodyExample={bodyExample}
          writes={writes}
        />
      </div>
    </details>
  );
}
