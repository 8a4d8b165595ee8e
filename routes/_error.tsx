/** What a page shows that is not there, or that failed. */
import { HttpError, type PageProps } from "fresh";
import { Head } from "fresh/runtime";

export default function ErrorPage({ error }: PageProps) {
  const status = error instanceof HttpError ? error.status : 500;
  const missing = status === 404;
  const title = missing ? "There is no such page" : "This page could not be made";
  return (
    <>
      <Head>
        <title>{title} · Twofold</title>
      </Head>
      <div class="lead">
        <h1>{title}</h1>
        <p>
          {error instanceof HttpError
            ? error.message
            : "The server's log tells more. Load it again in a moment."}
        </p>
        <p>
          <a href="/">To the overview</a>
        </p>
      </div>
    </>
  );
}
