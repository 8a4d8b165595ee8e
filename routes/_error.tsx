/** What a page shows that is not there, or that failed. */
import { HttpError, type PageProps } from "fresh";
import { Head } from "fresh/runtime";

export default function ErrorPage({ error }: PageProps) {
  const status = error instanceof HttpError ? error.status : 500;
  const missing = status === 404;
  const title = missing ? "Page not found" : "This page failed to load";
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
            : "See the server log for details, or reload the page."}
        </p>
        <p>
          <a href="/">Overview</a>
        </p>
      </div>
    </>
  );
}
