import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.Header;
import io.debezium.embedded.ClientProvided;
import io.debezium.engine.format.Json;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;

/**
 * Runs one Debezium engine for each properties file named, all in this process, and prints what they emit, one line of JSON a record:
 * {"engine", "topic", "key", "value", "headers"}, where key and value are the text that the JSON converter made, and each
 * header what Kafka Connect's own header converter made.
 * Ends when its input does; an engine that fails ends it with its error on stderr.
 */
public final class Engines {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);

  public static void main(String[] files) throws IOException {
    for (String file : files) {
      Properties properties = new Properties();
      try (InputStream in = new FileInputStream(file)) {
        properties.load(in);
      }
      Thread thread = new Thread(engine(properties));
      thread.setDaemon(true);
      thread.start();
    }
    while (System.in.read() >= 0) {
      // What is written to it says nothing.
    }
    Runtime.getRuntime().halt(0);
  }

  private static DebeziumEngine<ChangeEvent<String, String>> engine(Properties properties) {
    String name = properties.getProperty("name");
    return DebeziumEngine.create(Json.class, Json.class, ClientProvided.class)
        .using(properties)
        .using((success, message, error) -> {
          System.err.println(name + " ended: " + message);
          if (error != null) error.printStackTrace();
          Runtime.getRuntime().halt(1);
        })
        .notifying((records, committer) -> {
          print(name, records);
          for (ChangeEvent<String, String> record : records) committer.markProcessed(record);
          committer.markBatchFinished();
        })
        .build();
  }

  /** A batch at a time: engines take turns between batches, never inside a line. */
  private static void print(String name, List<ChangeEvent<String, String>> records) {
    StringBuilder lines = new StringBuilder();
    for (ChangeEvent<String, String> record : records) {
      ObjectNode line = JSON.createObjectNode();
      line.put("engine", name).put("topic", record.destination()).put("key", record.key()).put("value", record.value());
      ObjectNode headers = line.putObject("headers");
      for (Header<?> header : record.headers()) {
        headers.put(header.getKey(), new String((byte[]) header.getValue(), StandardCharsets.UTF_8));
      }
      lines.append(line).append('\n');
    }
    synchronized (OUT) {
      OUT.print(lines);
      OUT.flush();
    }
  }
}
