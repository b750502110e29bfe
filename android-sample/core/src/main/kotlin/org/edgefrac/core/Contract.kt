package org.edgefrac.core

/** What the model file promises, `edgefrac.contract/1`; only the parts that an app acts on or shows. */
class Contract(
    val name: String,
    val version: String,
    val precision: String,
    val architecture: String,
    val intendedUse: String,
    val input: Input,
    val probability: Output,
    val evidence: Output,
    val tasks: List<Task>,
    val familiar: Familiar?,
) {
    /** The task that the app asks: the one named "fracture", or the first. */
    val task: Task = tasks.firstOrNull { it.name == "fracture" } ?: tasks.first()

    init {
        if (task.classes.size != 2) throw Refusal("contract.json: the task ${task.name} has not two classes")
    }

    /** One grey raster, uint8, [size] × [size]. */
    class Input(val name: String, val size: Int)

    /** One output tensor, float32; [shape] begins with the batch's 1. */
    class Output(val name: String, val shape: List<Int>) {
        val values: Int = shape.fold(1) { product, length -> product * length }
    }

    /** One question that the network answers; [channel] is where it stands in the outputs' last axis. */
    class Task(
        val name: String,
        val classes: List<String>,
        val channel: Int,
        val bias: Double,
        val temperature: Double,
        val threshold: Double,
        val thresholdRule: String,
    ) {
        /** The class that a high probability, and all evidence above 0, speaks for. */
        val positive: String get() = classes[1]

        /** The other one. */
        val negative: String get() = classes[0]
    }

    /** How the training radiographs look: mean and inverse covariance of `edgefrac.appearance/1`, and how far is too far. */
    class Familiar(val mean: DoubleArray, val precision: List<DoubleArray>, val limit: Double)

    companion object {
        /** Read `contract.json`. Throws a [Refusal] for what this app cannot keep to. */
        fun parse(text: String): Contract {
            val json = Json.parse(text, "contract.json").requireSchema("edgefrac.contract/1")
            val outputs = json["outputs"].items().map(::output).associateBy { it.name }
            return Contract(
                name = json["name"].text(),
                version = json["version"].text(),
                precision = json["precision"].text(),
                architecture = json["architecture"].text(),
                intendedUse = json["intended_use"].text(),
                input = input(json["input"]),
                probability = outputs["probability"] ?: throw Refusal("contract.json promises no probability"),
                evidence = outputs["evidence"] ?: throw Refusal("contract.json promises no evidence map"),
                tasks = json["tasks"].items().map(::task).ifEmpty { throw Refusal("contract.json has no task") },
                familiar = json.optional("familiar")?.let(::familiar),
            )
        }

        private fun input(json: Json): Input {
            val preprocess = json["preprocess"].text()
            if (preprocess != Preprocess.ID) throw Refusal("the model wants $preprocess; this app has ${Preprocess.ID}")
            val shape = json["shape"].items().map { it.whole() }
            val square = shape.size == 4 && shape[0] == 1 && shape[1] == shape[2] && shape[3] == 1 && shape[1] > 0
            if (!square || json["dtype"].text() != "uint8") {
                throw Refusal("contract.json: the input is not one grey square of bytes")
            }
            return Input(json["name"].text(), shape[1])
        }

        private fun output(json: Json): Output {
            if (json["dtype"].text() != "float32") throw Refusal("contract.json: an output is not float32")
            return Output(json["name"].text(), json["shape"].items().map { it.whole() })
        }

        private fun task(json: Json): Task = Task(
            name = json["name"].text(),
            classes = json["classes"].items().map { it.text() },
            channel = json["first_channel"].whole(),
            bias = json["bias"].items().first().number(),
            temperature = json["temperature"].number(),
            threshold = json["threshold"].number(),
            thresholdRule = json["threshold_rule"].text(),
        )

        private fun familiar(json: Json): Familiar {
            val appearance = json["appearance"].text()
            if (appearance != Appearance.ID) throw Refusal("the model knows images by $appearance; this app has ${Appearance.ID}")
            val mean = numbers(json["mean"])
            val precision = json["precision"].items().map(::numbers)
            val square = mean.size == Appearance.NUMBERS && precision.size == mean.size && precision.all { it.size == mean.size }
            if (!square) throw Refusal("contract.json: mean and precision of the familiar differ in size")
            return Familiar(mean, precision, json["limit"].number())
        }

        private fun numbers(json: Json): DoubleArray = json.items().map { it.number() }.toDoubleArray()
    }
}
